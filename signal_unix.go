//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// hangup asks a running checkpoint to read its configuration again.
const hangup = syscall.SIGHUP

func hangups() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, hangup)
	return c
}
