package report

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// What is said to reporters. Links are in none of it: who tells people not to follow links sends none.

//go:embed talk.toml
var embeddedTexts []byte

// Texts are the answers to reporters, in Japanese and English.
type Texts struct {
	Ask        Said `toml:"ask"`    // for the sender's number
	Thanks     Said `toml:"thanks"` // for a report that is new
	Known      Said `toml:"known"`  // for a report of what is known already
	Fraud      Said `toml:"fraud"`  // later: it was fraud, and is stopped
	Honest     Said `toml:"honest"` // later: it was honest
	Help       Said `toml:"help"`
	Stopped    Said `toml:"stopped"` // no more texts
	Started    Said `toml:"started"`
	Understood Said `toml:"understood"` // nothing of it
	Forward    Said `toml:"forward"`    // a sender came, and no text yet
}

// Said is one answer in both languages.
type Said struct {
	Ja string `toml:"ja"`
	En string `toml:"en"`
}

// Bounds of an answer: one text of UCS-2, or two where that cannot be.
const (
	maxJa = 134
	maxEn = 160
)

// EmbeddedTexts are the answers where an operator has none of his own, as a file to begin from.
func EmbeddedTexts() []byte { return append([]byte(nil), embeddedTexts...) }

// ReadTexts reads a file of answers; those inside where path is empty. Every answer has to be there in both languages, short enough, without a link.
func ReadTexts(path string) (*Texts, error) {
	raw, name := embeddedTexts, "the answers inside"
	if path != "" {
		var err error
		if raw, err = os.ReadFile(path); err != nil {
			return nil, err
		}
		name = path
	}
	var t Texts
	d := toml.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		if strict := (*toml.StrictMissingError)(nil); errors.As(err, &strict) {
			return nil, fmt.Errorf("%s: unknown key: %s", name, strings.SplitN(strict.Error(), "\n", 2)[0])
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, x := range []struct {
		name string
		s    Said
	}{{"ask", t.Ask}, {"thanks", t.Thanks}, {"known", t.Known}, {"fraud", t.Fraud}, {"honest", t.Honest}, {"help", t.Help}, {"stopped", t.Stopped}, {"started", t.Started}, {"understood", t.Understood}, {"forward", t.Forward}} {
		for lang, s := range map[string]string{"ja": x.s.Ja, "en": x.s.En} {
			if err := checkSaid(s, lang); err != nil {
				return nil, fmt.Errorf("%s: %s.%s: %w", name, x.name, lang, err)
			}
		}
	}
	return &t, nil
}

func checkSaid(s, lang string) error {
	most := maxEn
	if lang == "ja" {
		most = maxJa
	}
	low := fold(s)
	switch n := utf8.RuneCountInString(s); {
	case strings.TrimSpace(s) == "":
		return errors.New("is missing")
	case n > most:
		return fmt.Errorf("has %d letters, at most %d are sent", n, most)
	case strings.Contains(low, "://") || strings.Contains(low, "www.") || strings.Contains(low, ".jp") || strings.Contains(low, ".com"):
		return errors.New("has a link; what we send has none")
	}
	return nil
}
