package main

import (
	"syscall"
	"time"
)

// nap sleeps more finely than the runtime's timers, which wait for whole milliseconds where nothing else is to do.
func nap(d time.Duration) {
	if d > 0 {
		t := syscall.NsecToTimespec(int64(d))
		syscall.Nanosleep(&t, nil)
	}
}
