package main

import "github.com/sekisho/sekisho/console"

// casesSource is what the console's page asks for.
func (p *program) casesSource() console.Cases { return nil }
