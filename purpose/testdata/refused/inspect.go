package main

import (
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

// Nobody looks at a message without a grant.
func main() {
	var in *inspect.Inspector
	in.Inspect(&message.Message{}, &inspect.Report{})
}
