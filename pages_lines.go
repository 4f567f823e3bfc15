package main

import "github.com/sekisho/sekisho/console"

// linesSource is what the console's page asks for.
func (p *program) linesSource() console.Lines { return nil }
