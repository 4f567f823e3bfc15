package main

import "github.com/sekisho/sekisho/console"

// systemSource is what the console's page asks for.
func (p *program) systemSource() console.System { return nil }
