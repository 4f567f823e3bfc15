package main

import "github.com/sekisho/sekisho/console"

// searchSource is what the console's page asks for.
func (p *program) searchSource() console.Search { return nil }
