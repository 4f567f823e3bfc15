package main

import "github.com/sekisho/sekisho/console"

// careSource is what the console's page asks for.
func (p *program) careSource() console.Care { return nil }
