package main

import "github.com/sekisho/sekisho/purpose"

// A grant for one purpose does not become one for another.
func main() {
	g, _ := purpose.Ask(&purpose.DefaultPolicy, purpose.Inspect, 819012345678, nil)
	g.purpose = purpose.InfectionNotice
}
