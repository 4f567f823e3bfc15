package main

import "github.com/sekisho/sekisho/console"

// choicesSource is what the console's page asks for.
func (p *program) choicesSource() console.Choices { return nil }
