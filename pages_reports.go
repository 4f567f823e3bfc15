package main

import "github.com/sekisho/sekisho/console"

// reportsSource is what the console's page asks for.
func (p *program) reportsSource() console.Reports { return nil }
