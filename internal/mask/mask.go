// Package mask hides secrets in the output of builds.
package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
)

const (
	// Least is how many characters a value has at least that is masked: shorter ones are found in ordinary text.
	Least = 4
	mask  = "***"
)

// Masker replaces secrets in a stream, which comes in parts that end anywhere. It searches as Wu and Manber do: most
// bytes are skipped without a look at them.
type Masker struct {
	known    map[string]bool
	patterns map[uint16][]string // by the last two bytes of their first `least` ones, the longest first
	first    [256][]string       // by their first byte
	least    int                 // length of the shortest pattern; 0 for no patterns
	skip     [1 << 16]uint8      // how far a window may go on that ends with two bytes
	held     []byte              // the end of what came, which may be the beginning of a secret
	out      []byte
}

// Add masks a value in the forms in which it may be written, from now on. It reports false for one that is too short.
func (m *Masker) Add(value string) bool {
	masked, before := false, len(m.known)
	for _, f := range forms(value) {
		if masked = true; m.known[f] {
			continue
		}
		if m.known == nil {
			m.known = map[string]bool{}
		}
		m.known[f] = true
	}
	if len(m.known) > before {
		m.prepare()
	}
	return masked
}

// Know makes a masker look for what another one looks for, and for nothing else.
func (m *Masker) Know(other *Masker) {
	*m = Masker{}
	if len(other.known) > 0 {
		m.known = maps.Clone(other.known)
		m.prepare()
	}
}

// forms are a value, each of its lines, and these in base64, in URLs, in JSON and quoted for a shell. No form has a
// line break.
func forms(value string) []string {
	var all []string
	texts := []string{value}
	for line := range strings.Lines(value) {
		texts = append(texts, strings.Trim(line, "\r\n"))
	}
	for _, t := range texts {
		if len(t) < Least {
			continue
		}
		all = append(all, t, url.QueryEscape(t), url.PathEscape(t), lowerEscapes(url.QueryEscape(t)),
			lowerEscapes(url.PathEscape(t)), strings.ReplaceAll(t, "'", `'\''`))
		all = append(all, inJSON(t, true), inJSON(t, false))
		for shift := range 3 {
			for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
				all = append(all, inBase64(e.WithPadding(base64.NoPadding), t, shift), endInBase64(e, t, shift))
			}
		}
	}
	return slices.DeleteFunc(all, func(f string) bool { return len(f) < Least || strings.ContainsAny(f, "\r\n") })
}

// inBase64 is the part of a text's base64 that does not depend on what stands before it, shift bytes, and after it.
func inBase64(e *base64.Encoding, t string, shift int) string {
	bits := (shift + len(t)) * 8
	return e.EncodeToString(append(make([]byte, shift), t...))[(shift*8+5)/6 : bits/6]
}

// endInBase64 is the same of a text after which nothing stands.
func endInBase64(e *base64.Encoding, t string, shift int) string {
	return e.EncodeToString(append(make([]byte, shift), t...))[(shift*8+5)/6:]
}

func inJSON(t string, escapeHTML bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	if e.Encode(t) != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

// lowerEscapes writes %2F as %2f.
func lowerEscapes(t string) string {
	parts := strings.Split(t, "%")
	for i := 1; i < len(parts); i++ {
		parts[i] = strings.ToLower(parts[i][:2]) + parts[i][2:]
	}
	return strings.Join(parts, "%")
}

// prepare makes the tables of the search.
func (m *Masker) prepare() {
	m.patterns, m.first, m.least = map[uint16][]string{}, [256][]string{}, 0
	for p := range m.known {
		if m.least == 0 || len(p) < m.least {
			m.least = min(len(p), 255)
		}
	}
	for i := range m.skip {
		m.skip[i] = uint8(max(m.least-1, 0))
	}
	for p := range m.known {
		for j := range m.least - 1 {
			at := pair(p[j], p[j+1])
			m.skip[at] = min(m.skip[at], uint8(m.least-2-j))
		}
		at := pair(p[m.least-2], p[m.least-1])
		m.patterns[at] = append(m.patterns[at], p)
		m.first[p[0]] = append(m.first[p[0]], p)
	}
	for _, all := range m.patterns {
		slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	}
}

func pair(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) }

// Next takes what comes, and returns what may be shown of it and of what came before. It is valid until the next call.
func (m *Masker) Next(p []byte) []byte {
	if m.least == 0 {
		return p
	}
	text := p
	if len(m.held) > 0 {
		text = append(m.held, p...)
		m.held = nil
	}
	return m.search(text, false)
}

// search masks a text. What may be the beginning of a secret is held back, unless nothing follows.
func (m *Masker) search(text []byte, last bool) []byte {
	shown, begin := m.out[:0], 0
	i := 0
	for i+m.least <= len(text) {
		end := i + m.least
		at := pair(text[end-2], text[end-1])
		if s := m.skip[at]; s > 0 {
			i += int(s)
			continue
		}
		length, more := match(m.patterns[at], text[i:])
		if more && !last {
			break
		}
		if length == 0 {
			i++
			continue
		}
		shown = append(append(shown, text[begin:i]...), mask...)
		i += length
		begin = i
	}
	if last {
		i = len(text)
	} else {
		i = m.hold(text, max(min(i, len(text)), begin))
	}
	m.held = append([]byte(nil), text[i:]...)
	if begin == 0 {
		return text[:i]
	}
	m.out = append(shown, text[begin:i]...)
	return m.out
}

// match is the length of the longest pattern that a text begins with. more says that the text may be the beginning of
// one.
func match(patterns []string, text []byte) (length int, more bool) {
	for _, p := range patterns {
		switch {
		case len(p) <= len(text):
			if string(text[:len(p)]) == p {
				return len(p), more
			}
		case p[:len(text)] == string(text):
			more = true
		}
	}
	return 0, more
}

// hold is the first place from i on where the text ends with the beginning of a pattern, or its length. No pattern has
// a line break.
func (m *Masker) hold(text []byte, i int) int {
	if last := bytes.LastIndexByte(text[i:], '\n'); last >= 0 {
		i += last + 1
	}
	for ; i < len(text); i++ {
		rest := text[i:]
		for _, p := range m.first[text[i]] {
			if len(p) > len(rest) && p[:len(rest)] == string(rest) {
				return i
			}
		}
	}
	return i
}

// Rest returns what was held back, to which nothing belongs that follows.
func (m *Masker) Rest() []byte {
	held := m.held
	m.held = nil
	if len(held) == 0 {
		return nil
	}
	return m.search(held, true)
}

// Whole masks a text that nothing continues.
func (m *Masker) Whole(text []byte) []byte {
	if m.least == 0 {
		return text
	}
	held := m.held
	shown := slices.Clone(m.search(text, true))
	m.held = held
	return shown
}

// Holds tells whether something is held back.
func (m *Masker) Holds() bool { return len(m.held) > 0 }
