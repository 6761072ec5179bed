package s3

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

func decode(text string, trailer bool) (string, http.Header, error) {
	c := &chunked{r: bufio.NewReader(strings.NewReader(text)), trailer: http.Header{}, hasTrailer: trailer}
	data, err := io.ReadAll(c)
	return string(data), c.trailer, err
}

func TestChunked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0\r\n\r\n":                             "",
		"3\r\nabc\r\n0\r\n\r\n":                 "abc",
		"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n":      "abcde",
		"A\r\n0123456789\r\n0\r\n":              "0123456789",
		"1;chunk-signature=x\r\na\r\n0\r\n\r\n": "a",
	} {
		if got, _, err := decode(text, false); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	got, trailer, err := decode("3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", true)
	if got != "abc" || err != nil || trailer.Get("X-Amz-Checksum-Crc32") != "AAAA" {
		t.Errorf("%q, %v, %v", got, trailer, err)
	}
	for _, bad := range []string{"", "3\r\nab", "3\r\nabcd\r\n0\r\n", "-1\r\n", "zz\r\n", "ffffffffffffffffff\r\n",
		strings.Repeat("1", 100_000)} {
		if got, _, err := decode(bad, false); err == nil {
			t.Errorf("%.40q: decoded to %.40q", bad, got)
		}
	}
}

func FuzzChunked(f *testing.F) {
	for _, seed := range []string{"0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "3\nabc\n0\n", "3\r\nabc\r\n0\r\na:b\r\n\r\n",
		"-1\r\n", "1;x=y\r\na\r\n0"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, trailer bool) {
		if got, _, err := decode(text, trailer); err == nil && len(got) > len(text) {
			t.Fatalf("%d bytes became %d", len(text), len(got))
		}
	})
}
