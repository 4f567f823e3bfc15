package main

import "github.com/sekisho/sekisho/purpose"

// Nor with the names of its fields.
var _ = purpose.Grant{purpose: purpose.InfectionNotice}

func main() {}
