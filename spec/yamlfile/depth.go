package yamlfile

import (
	"bytes"

	"github.com/goccy/go-yaml/token"
)

// tooDeepText looks for lines that open many lists or objects, before the lexer sees them. A text in quotes may have as
// many brackets as it likes, so that only brackets side by side count.
func tooDeepText(text []byte) (Place, bool) {
	run := 0
	for i, c := range text {
		switch {
		case c == '[' || c == '{':
			if run++; run > 16*MaxDepth {
				return placeAt(text, i), true
			}
		case !bytes.ContainsRune([]byte(" \t\r\n,"), rune(c)):
			run = 0
		}
	}
	return Place{}, false
}

// nesting follows how deep the tokens of a file nest: in blocks, which are columns that a line or an entry of a list
// begins in, and in brackets.
type nesting struct {
	columns []int
	members []int // of the mapping that begins in each column
	docs    int
	flow    int
	marks   int // tags, anchors, keys and values in the present line: the parser recurses for these too
	line    int
	entry   bool // the token before was the "-" of a list, or began a line
}

// bounded looks for nesting before the parser, which recurses, does, and for mappings and files of very many members
// and documents, for which the parser takes more than linear time.
func bounded(tokens token.Tokens) *Problem {
	var n nesting
	for _, t := range tokens {
		if t.Position == nil {
			continue
		}
		n.take(t)
		switch {
		case n.flow+len(n.columns)+n.marks > MaxDepth+1:
			return problem(placeOf(t), "the file nests deeper than %d levels", MaxDepth)
		case n.flow == 0 && len(n.members) > 0 && n.members[len(n.members)-1] > MaxMembers:
			return problem(placeOf(t), "a mapping has more than %d members", MaxMembers)
		case n.docs > maxDocs:
			return problem(placeOf(t), "the file has more than %d YAML documents", maxDocs)
		}
	}
	return nil
}

func (n *nesting) take(t *token.Token) {
	if t.Position.Line != n.line || t.Type == token.CollectEntryType {
		n.marks = 0
	}
	if t.Position.Line != n.line {
		n.line, n.entry = t.Position.Line, true
	}
	if n.flow == 0 && (n.entry || t.Type == token.SequenceEntryType) && t.Type != token.CommentType {
		n.block(t.Position.Column)
	}
	n.entry = false
	n.count(t.Type)
}

// count takes what a token begins, ends or adds.
func (n *nesting) count(t token.Type) {
	switch t {
	case token.SequenceStartType, token.MappingStartType:
		n.flow++
	case token.SequenceEndType, token.MappingEndType:
		if n.flow--; n.flow < 0 { // no YAML; the parser takes long to say so
			n.flow = 2 * MaxDepth
		}
	case token.SequenceEntryType:
		n.entry = true
	case token.MappingValueType:
		n.marks++
		if n.flow == 0 && len(n.members) > 0 {
			n.members[len(n.members)-1]++
		}
	case token.DocumentHeaderType:
		n.docs++
	case token.MappingKeyType, token.TagType, token.AnchorType:
		n.marks++
		n.entry = true
	}
}

// block notes that a block begins, or goes on, in a column.
func (n *nesting) block(column int) {
	for len(n.columns) > 0 && n.columns[len(n.columns)-1] > column {
		n.columns, n.members = n.columns[:len(n.columns)-1], n.members[:len(n.members)-1]
	}
	if len(n.columns) == 0 || n.columns[len(n.columns)-1] < column {
		n.columns, n.members = append(n.columns, column), append(n.members, 0)
	}
}
