package report

import "fmt"

// NewReport makes a report of what somebody wrote by hand: its text, suspect and one link are read as those of the record are. What cannot be is an error that names the field.
func NewReport(r Report, link string) (Report, error) {
	text := r.Text
	r.setText(text)
	var err error
	if r.Suspect, err = parseParty(r.Suspect); err != nil {
		return Report{}, fmt.Errorf("suspect: %w", err)
	}
	if link != "" {
		if err := r.addLink(link); err != nil {
			return Report{}, fmt.Errorf("link: %w", err)
		}
	}
	return r, r.check()
}
