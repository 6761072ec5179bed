package testreport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	maxSize  = 100 << 20 // bytes of a file
	maxValue = 32 << 20  // bytes of one value in a file: a text, an attribute, or what lies between two
	maxDepth = 64        // of suites in suites
	maxNest  = 256       // of values in values
	// maxPending bounds what has to be kept until the rest of it is read.
	maxPending = 100_000
)

// format is one of the formats that can be read.
type format struct {
	name     string
	what     string // what a file that is none is said not to be
	coverage bool
	read     func(*file) error
}

// formats are CodeBuild's formats of tests, its formats of coverage, and further ones of tests and of coverage.
func formats() []format {
	return []format{
		{"CUCUMBERJSON", "Cucumber report in JSON", false, (*file).cucumber},
		{"JUNITXML", "JUnit report", false, (*file).junit},
		{"NUNITXML", "NUnit 2 report", false, (*file).nunit2},
		{"NUNIT3XML", "NUnit 3 report", false, (*file).nunit3},
		{"TESTNGXML", "TestNG report", false, (*file).testng},
		{"VISUALSTUDIOTRX", "Visual Studio TRX report", false, (*file).trx},
		{"CLOVERXML", "Clover report", true, (*file).clover},
		{"COBERTURAXML", "Cobertura report", true, (*file).cobertura},
		{"JACOCOXML", "JaCoCo report in XML", true, (*file).jacoco},
		{"SIMPLECOV", "SimpleCov result in JSON", true, (*file).simplecov},
		{"TAP", "TAP output", false, (*file).tap},
		{"GOTESTJSON", "output of go test -json", false, (*file).gotest},
		{"SARIF", "SARIF log", false, (*file).sarif},
		{"PLAYWRIGHTJSON", "Playwright report in JSON", false, (*file).playwright},
		{"NEWMANJSON", "Newman report in JSON", false, (*file).newman},
		{"K6JSON", "k6 summary in JSON", false, (*file).k6},
		{"LCOV", "LCOV trace file", true, (*file).lcov},
		{"GOCOVER", "Go coverage profile", true, (*file).gocover},
	}
}

// find returns a format by its name, which may be in any case.
func find(name string) (format, bool) {
	all := formats()
	i := slices.IndexFunc(all, func(f format) bool { return strings.EqualFold(f.name, name) })
	if i < 0 {
		return format{}, false
	}
	return all[i], true
}

// Formats are the names of the formats that can be read.
func Formats() (names []string) {
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// Supported tells whether files of a format can be read.
func Supported(name string) bool { _, ok := find(name); return ok }

// IsCoverage tells whether a format is of code coverage. All others are of tests.
func IsCoverage(name string) bool { f, _ := find(name); return f.coverage }

// file is a file that is being read.
type file struct {
	results *Results
	path    string // in the report and in errors
	in      *source
	place   func() string // where the reader is, as LINE or LINE:COLUMN
}

// Add reads a file and adds what it says. path is its name in the report and in errors. Of a file that is broken in
// the middle, what comes before stays.
func (r *Results) Add(name, path string, in io.Reader) error {
	form, ok := find(name)
	if !ok {
		return fmt.Errorf("%s: there is no report format %s; one of %s can be read", path, name,
			strings.Join(Formats(), ", "))
	}
	f := &file{results: r, path: path, in: &source{in: withoutMark(in)}, place: func() string { return "1" }}
	err := form.read(f)
	if err == nil {
		return nil
	}
	if f.in.err != nil {
		err = f.in.err
	}
	return fmt.Errorf("%s:%s: this is no %s: %w", path, f.place(), form.what, err)
}

// withoutMark drops the byte order mark that tools for Windows write.
func withoutMark(in io.Reader) io.Reader {
	b := bufio.NewReaderSize(in, 4096)
	if start, _ := b.Peek(3); string(start) == "\ufeff" {
		_, _ = b.Discard(3)
	}
	return b
}

// source is the file's bytes, within the limits.
type source struct {
	in   io.Reader
	read int64
	mark int64 // where the value that is being read begins
	err  error // the limit that was met
}

func (s *source) Read(p []byte) (int, error) {
	switch {
	case s.err != nil:
		return 0, s.err
	case s.read >= maxSize:
		s.err = fmt.Errorf("the file has more than %d MB", maxSize>>20)
		return 0, s.err
	case s.read-s.mark > maxValue:
		s.err = fmt.Errorf("a value has more than %d MB", maxValue>>20)
		return 0, s.err
	}
	n, err := s.in.Read(p[:min(int64(len(p)), maxSize-s.read)])
	s.read += int64(n)
	return n, err
}

var errEmpty = errors.New("the file is empty")

// nanoseconds reads a number of seconds; 0 if it is none, or makes no sense.
func nanoseconds(text string) int64 { return scaled(text, 1e9) }

// milliseconds reads a number of milliseconds in nanoseconds.
func milliseconds(text string) int64 { return scaled(text, 1e6) }

func scaled(text string, unit float64) int64 {
	n, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(text), ",", ""), 64)
	if err != nil || math.IsNaN(n) || n < 0 || n*unit > 1e18 {
		return 0
	}
	return int64(math.Round(n * unit))
}

// count reads how often something ran. What is beyond all counting is as good as once more than that.
func count(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if errors.Is(err, strconv.ErrRange) && n > 0 {
		return n, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%q is no count", limit(text, 40))
	}
	return n, nil
}
