package console

// Indicators is what the page asks for.
type Indicators interface{}

func (c *Console) indicatorsPage() {
	if c.src.Indicators == nil {
		return
	}
}
