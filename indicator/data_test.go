package indicator

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestSharedData reads the lists of JPCERT/CC and PhishTank where they are at hand.
func TestSharedData(t *testing.T) {
	dir := os.Getenv("SEKISHO_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "urls/jpcert/*/*.csv"))
	if len(files) == 0 {
		t.Skip("skipped: no folder of data at hand (SEKISHO_DATA)")
	}
	list := []File{{Path: filepath.Join(dir, "urls/phishtank_2020.csv"), Source: "PhishTank"}}
	for _, f := range files {
		list = append(list, File{Path: f, Source: "JPCERT/CC"})
	}
	x, warnings, err := Load(context.Background(), list, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d indicators in %d bytes, %d warnings", x.Len(), x.Bytes(), len(warnings))
	for i, w := range warnings {
		if i < 10 || i == len(warnings)-1 {
			t.Log(w)
		}
	}
	if x.Len() < 150_000 {
		t.Errorf("%d indicators, want most of 249,000 rows", x.Len())
	}
}
