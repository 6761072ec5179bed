package kit

import (
	"crypto/sha256"
	"encoding/hex"
	"html"
	"regexp"
	"strings"
)

// region is a part of a page that is replaced as a whole: an element with an id and the attribute data-part. Parts are
// not nested.
type region struct {
	id   string
	html string
	// sum tells one content from another. How long ago something was does not count: that changes by itself.
	sum string
}

var moments = regexp.MustCompile(`(<time [^>]*>)[^<]*</time>`)

// partsOf finds the parts of a page that was rendered here: each element is closed, and each attribute is quoted.
func partsOf(page string) []region {
	var all []region
	for at := 0; ; {
		tag, begin, end := nextTag(page, at)
		if tag == "" {
			return all
		}
		at = end
		attributes := page[begin+1+len(tag) : end-1]
		id, ok := attribute(attributes, "id")
		if _, marked := attribute(attributes, "data-part"); !ok || !marked {
			continue
		}
		at = closing(page, tag, end)
		p := region{id: id, html: page[begin:at]}
		sum := sha256.Sum256([]byte(moments.ReplaceAllString(p.html, "$1")))
		p.sum = hex.EncodeToString(sum[:6])
		all = append(all, p)
	}
}

// nextTag finds the next start tag: its name, where it begins, and where its content does. The name is "" if there is
// none.
func nextTag(page string, at int) (name string, begin, end int) {
	for {
		i := strings.IndexByte(page[at:], '<')
		if i < 0 {
			return "", 0, 0
		}
		begin = at + i
		if end = endOfTag(page, begin); end < 0 {
			return "", 0, 0
		}
		if c := page[begin+1]; c >= 'a' && c <= 'z' {
			n := strings.IndexAny(page[begin+1:end], " \t\n/>")
			return page[begin+1 : begin+1+n], begin, end
		}
		at = end
	}
}

// endOfTag is what follows a tag that begins at a place; -1 if it does not end. A > in a quoted value does not end it.
func endOfTag(page string, begin int) int {
	quoted := byte(0)
	for i := begin + 1; i < len(page); i++ {
		switch c := page[i]; {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '"' || c == '\'':
			quoted = c
		case c == '>':
			return i + 1
		}
	}
	return -1
}

// closing is what follows the end tag of an element whose content begins at a place.
func closing(page, tag string, at int) int {
	for depth := 1; ; {
		i := strings.IndexByte(page[at:], '<')
		if i < 0 {
			return len(page)
		}
		begin := at + i
		end := endOfTag(page, begin)
		if end < 0 {
			return len(page)
		}
		switch name := strings.TrimRight(page[begin+1:end-1], " /"); {
		case name == tag || strings.HasPrefix(name, tag+" "):
			depth++
		case strings.HasPrefix(page[begin:], "</"+tag+">"):
			depth--
		}
		if at = end; depth == 0 {
			return at
		}
	}
}

// attribute finds an attribute in the rest of a tag.
func attribute(rest, name string) (value string, ok bool) {
	for rest != "" {
		rest = strings.TrimLeft(rest, " \t\n/")
		n := strings.IndexAny(rest, "= \t\n/")
		if n < 0 {
			return "", rest == name
		}
		this := rest[:n]
		rest = rest[n:]
		value = ""
		if strings.HasPrefix(rest, `="`) {
			end := strings.IndexByte(rest[2:], '"')
			if end < 0 {
				return "", false
			}
			value, rest = html.UnescapeString(rest[2:2+end]), rest[3+end:]
		}
		if this == name {
			return value, true
		}
	}
	return "", false
}

func titleOf(page string) string {
	_, rest, _ := strings.Cut(page, "<title>")
	title, _, _ := strings.Cut(rest, "</title>")
	return html.UnescapeString(title)
}

// withSums adds the sums of its parts to a page, for its script to say what it has.
func withSums(page string) string {
	const main = `<main id="main" data-live=`
	if !strings.Contains(page, main) {
		return page
	}
	var sums []string
	for _, p := range partsOf(page) {
		sums = append(sums, p.id+":"+p.sum)
	}
	return strings.Replace(page, main, `<main id="main" data-have="`+strings.Join(sums, " ")+`" data-live=`, 1)
}
