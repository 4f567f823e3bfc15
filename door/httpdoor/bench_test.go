package httpdoor

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// mixed is a little of everything, of the lengths that texts have.
var mixed = []string{
	`{"id":"%d","route":"a2p","from":"LINE","to":"+81901000%04d","text":"LINE 認証コード：482913。他人に教えないでください"}`,
	`{"id":"%d","route":"a2p","from":"0005123456","to":"+81901000%04d","text":"【ご予約確認】4月3日 18:30 2名様 中華料理 銀龍 本店 変更・取消は https://yoyaku.example.co.jp/r/8f3a2 までお願いいたします。"}`,
	`{"id":"%d","route":"p2p","from":"+819022223333","to":"+81901000%04d","text":"今日の夜ごはんカレーでいい？帰りに牛乳買ってきてほしいな"}`,
	`{"id":"%d","route":"intl","from":"+447700900123","to":"+81901000%04d","text":"Your parcel is at the depot. Confirm your delivery slot before 6pm today, thank you."}`,
	`{"id":"%d","route":"p2p","from":"+819044445555","to":"+81901000%04d","text":"お荷物をお届けにあがりましたが不在の為持ち帰りました。ご確認ください http://abcdefgh.duckdns.org"}`,
	`{"id":"%d","route":"a2p","from":"BANK","to":"+81901000%04d","text":"【重要】お取引の確認が必要です。本日中にこちらから手続きをお願いします https://bank-verify.example.top/jp/login?id=8812"}`,
}

func mix(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, mixed[i%len(mixed)]+"\n", i, i%10000)
	}
	return b.Bytes()
}

// BenchmarkOne is one message a request on kept connections, from both ends on this machine.
func BenchmarkOne(b *testing.B) {
	c := start(b, options{})
	c.kept = nil
	c.recorder = nothing
	bodies := bytes.Split(bytes.TrimSpace(mix(600)), []byte("\n"))
	c.server.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	b.ReportAllocs()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			resp, err := c.server.Client().Do(c.request(b.Context(), bytes.NewReader(bodies[i%len(bodies)])))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

// BenchmarkHandler is what one message costs without the network.
func BenchmarkHandler(b *testing.B) {
	c := start(b, options{})
	c.recorder = nothing
	bodies := bytes.Split(bytes.TrimSpace(mix(600)), []byte("\n"))
	r := c.request(b.Context(), nil)
	w := &nowhere{header: http.Header{}}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		body := bodies[i%len(bodies)]
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		clear(w.header)
		c.ServeHTTP(w, r)
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(int)             {}

// BenchmarkStream is messages over one connection, and over two.
func BenchmarkStream(b *testing.B) {
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := start(b, options{})
			c.recorder = nothing
			block := mix(6000)
			each := len(block) / 6000
			b.ReportAllocs()
			b.SetBytes(int64(each))
			b.ResetTimer()
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					r, w := io.Pipe()
					go func() {
						for left := (b.N + n - 1) / n; left > 0; left -= 6000 {
							part := block
							if left < 6000 {
								part = mix(left)
							}
							_, _ = w.Write(part)
						}
						w.Close()
					}()
					resp, err := c.server.Client().Do(c.request(b.Context(), r, "Content-Type", mediaNDJSON))
					if err != nil {
						b.Error(err)
						return
					}
					defer resp.Body.Close()
					got, err := count(resp.Body)
					if err != nil || got != (b.N+n-1)/n {
						b.Errorf("%d verdicts, %v", got, err)
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// count counts the lines.
func count(r io.Reader) (n int, err error) {
	br := bufio.NewReaderSize(r, 1<<16)
	for {
		b, err := br.ReadSlice('\n')
		if err == io.EOF {
			return n, nil
		}
		if err != nil && err != bufio.ErrBufferFull {
			return n, err
		}
		if len(b) > 0 && b[len(b)-1] == '\n' {
			n++
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	bodies := bytes.Split(bytes.TrimSpace(mix(6)), []byte("\n"))
	var m message.Message
	var a asked
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		buf = append(buf[:0], bodies[i%6]...)
		if f := decode(buf, subject.Japan, &m, &a); f.kind != nil {
			b.Fatal(f.kind.name)
		}
		i++
	}
}
