package journal

import (
	"bytes"
	"strings"
	"testing"
)

func BenchmarkWrite(b *testing.B) {
	j := open(b)
	w := writer(b, j)
	p := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 327)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if _, err := w.Write(p); err != nil {
			b.Fatal(err)
		}
	}
}
