package main

import "github.com/sekisho/sekisho/purpose"

// A grant cannot be written down.
var _ = purpose.Grant{purpose.InfectionNotice, purpose.TermsConsent}

func main() {}
