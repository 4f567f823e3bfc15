package main

import (
	"github.com/sekisho/sekisho/evidence"
)

// Nobody holds anything against a line without a grant: an item cannot be written down.
var _ = evidence.Item{fact: evidence.Fact{Kind: evidence.Stopped, Line: 819012345678}}

func main() {}
