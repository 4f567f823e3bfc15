package console

// Choices is what the page asks for.
type Choices interface{}

func (c *Console) choicesPage() {
	if c.src.Choices == nil {
		return
	}
}
