package main

import "github.com/sekisho/sekisho/console"

// ledgerSource is what the console's page asks for.
func (p *program) ledgerSource() console.Ledger { return nil }
