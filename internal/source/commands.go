package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxCommands bounds what a push says of its refs before the pack, in bytes: some ten thousand refs.
const maxCommands = 2 << 20

var errCommands = errors.New("the push does not begin with the refs that it updates, as Git's protocol has them")

// commands reads what a push asks for: the refs that it updates, up to the flush that ends them. It returns a reader
// with the whole push, for Git. See https://git-scm.com/docs/pack-protocol, "Reference Update Request".
func commands(body io.Reader) (refs []string, whole io.Reader, err error) {
	var read bytes.Buffer
	for {
		line, err := pkt(body, &read)
		if err != nil {
			return nil, nil, err
		}
		if line == nil {
			return refs, io.MultiReader(&read, body), nil
		}
		text, _, _ := strings.Cut(string(line), "\x00") // after it stand capabilities
		text = strings.TrimSuffix(text, "\n")
		if strings.HasPrefix(text, "shallow ") {
			continue
		}
		fields := strings.SplitN(text, " ", 3)
		if len(fields) != 3 || !isObjectID(fields[0]) || !isObjectID(fields[1]) {
			return nil, nil, errCommands // a certificate, which is not offered, or nonsense
		}
		refs = append(refs, fields[2])
	}
}

// pkt reads a line of Git's protocol, and adds it to what was read. It returns nil for a flush.
func pkt(body io.Reader, read *bytes.Buffer) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(body, head[:]); err != nil {
		return nil, errCommands
	}
	n, err := strconv.ParseUint(string(head[:]), 16, 16)
	if err != nil || n > 0 && n < 4 {
		return nil, errCommands
	}
	read.Write(head[:])
	if n == 0 {
		return nil, nil
	}
	if read.Len()+int(n) > maxCommands {
		return nil, fmt.Errorf("a push may say at most %d bytes of the refs that it updates", maxCommands)
	}
	line := make([]byte, n-4)
	if _, err := io.ReadFull(body, line); err != nil {
		return nil, errCommands
	}
	read.Write(line)
	return line, nil
}

func isObjectID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
