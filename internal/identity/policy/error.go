package policy

import "fmt"

// Position is a place in a policy's text. Lines and columns count from one; a column counts characters.
type Position struct {
	Line, Column int
}

// Error is why a document is refused, and where.
type Error struct {
	Line, Column int
	// Message is what AWS answers; it names no place.
	Message string
	// Hint says what is wrong at the place, and what to do.
	Hint string
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s (%s)", e.Line, e.Column, e.Message, e.Hint)
}

// What AWS answers to a document that it refuses.
const (
	syntaxErrors  = "Syntax errors in policy."
	invalidJSON   = "This policy contains invalid Json"
	legacyParsing = "The policy failed legacy parsing"
	newerVersion  = "Policy document must be version 2012-10-17 or greater."
	uniqueSids    = "Statement IDs (SID) in a single policy must be unique."
	plainSids     = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular " +
		"expression [0-9A-Za-z]*"
	vendorMissing   = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	oneColon        = "Actions/Condition can contain only one colon."
	actionsMissing  = "Policy statement must contain actions."
	resourceMissing = "Policy statement must contain resources."
	vendorPattern   = "Resource vendor must be fully qualified and cannot contain regexes."
	noPrincipal     = "Policy document should not specify a principal."
	assumeOnly      = "AssumeRole policy may only specify STS AssumeRole actions."
)

// rank orders the faults of a document. AWS checks it in passes and reports the first fault of the first pass that has
// one.
type rank int

const (
	rankSyntax rank = iota
	rankVersion
	rankLegacy
	rankSid
	rankPrincipal
	rankResource
	rankVendor
	rankActions
	rankResources
	rankNone
)

// maxFaults is how many faults of a document are kept.
const maxFaults = 100

// faults are all that is wrong in a document.
type faults struct {
	all   []Error
	first int // the one that AWS reports
	rank  rank
}

func (f *faults) add(r rank, at Position, message, hint string) {
	if len(f.all) > 0 && r >= f.rank && len(f.all) >= maxFaults {
		return
	}
	if len(f.all) == 0 || r < f.rank {
		f.rank, f.first = r, len(f.all)
	}
	f.all = append(f.all, Error{Line: at.Line, Column: at.Column, Message: message, Hint: hint})
}

// reported is the fault that AWS reports, nil for none.
func (f *faults) reported() error {
	if len(f.all) == 0 {
		return nil
	}
	return &f.all[f.first]
}
