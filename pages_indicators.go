package main

import "github.com/sekisho/sekisho/console"

// indicatorsSource is what the console's page asks for.
func (p *program) indicatorsSource() console.Indicators { return nil }
