package main

import "github.com/sekisho/sekisho/console"

// policySource is what the console's page asks for.
func (p *program) policySource() console.Policy { return nil }
