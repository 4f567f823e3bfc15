package console

// Ledger is what the page asks for.
type Ledger interface{}

func (c *Console) ledgerPage() {
	if c.src.Ledger == nil {
		return
	}
}
