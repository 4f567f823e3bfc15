//go:build !unix

package main

import "os"

// There is no hangup here: `sekisho reload` does the same.
var hangup = os.Interrupt

func hangups() <-chan os.Signal { return nil }
