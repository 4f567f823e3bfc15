package lookup

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/cloudflare/circl/oprf"
)

// BenchmarkSuites compares the two suites: a batch of 40 elements with its proof, and one multiplication, which is the limit.
func BenchmarkSuites(b *testing.B) {
	for name, s := range map[string]oprf.Suite{"P256": oprf.SuiteP256, "ristretto255": oprf.SuiteRistretto255} {
		key, err := oprf.GenerateKey(s, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		server := oprf.NewVerifiableServer(s, key)
		client := oprf.NewVerifiableClient(s, key.Public())
		var in [][]byte
		for i := range batch {
			in = append(in, fmt.Appendf(nil, "n:+8190%08d", i))
		}
		_, req, err := client.Blind(in)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/evaluate", func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := server.Evaluate(req); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "elements/s")
		})
		b.Run(name+"/limit", func(b *testing.B) {
			g := req.Elements[0].Group()
			k := g.RandomScalar(rand.Reader)
			b.RunParallel(func(p *testing.PB) {
				e := g.NewElement()
				for p.Next() {
					e.Mul(req.Elements[0], k)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "multiplications/s")
		})
	}
}
