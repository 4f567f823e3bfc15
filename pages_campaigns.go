package main

import "github.com/sekisho/sekisho/console"

// campaignsSource is what the console's page asks for.
func (p *program) campaignsSource() console.Campaigns { return nil }
