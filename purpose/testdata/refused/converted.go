package main

import "github.com/sekisho/sekisho/purpose"

// A type of the same shape does not become a grant.
type look struct {
	purpose purpose.Purpose
	ground  purpose.Ground
}

var _ = purpose.Grant(look{purpose.Review, purpose.Statute})

func main() {}
