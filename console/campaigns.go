package console

// Campaigns is what the page asks for.
type Campaigns interface{}

func (c *Console) campaignsPage() {
	if c.src.Campaigns == nil {
		return
	}
}
