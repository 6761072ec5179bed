package logs

import (
	"context"
	"time"

	"slipway/internal/journal"
)

// Journal is the store of the logs. A *journal.Journal implements it.
type Journal interface {
	Reading
	Listing
	Writing
}

// Reading reads a log, also while it is written. See package journal for each method.
type Reading interface {
	Read(ctx context.Context, n journal.Name, q journal.Query) (journal.Page, error)
	Seek(ctx context.Context, n journal.Name, t time.Time) (int64, error)
	Reader(n journal.Name, offset int64) (*journal.Reader, error)
	Wait(ctx context.Context, n journal.Name, after int64) error
	WaitBytes(ctx context.Context, n journal.Name, size int64) error
}

// Listing lists groups and their streams, by name.
type Listing interface {
	Groups(ctx context.Context, prefix, after string, limit int) ([]journal.Group, error)
	Streams(ctx context.Context, group, prefix, after string, limit int) ([]journal.Stream, error)
}

// Writing makes and removes groups and logs.
type Writing interface {
	CreateGroup(group string) (made bool, err error)
	RemoveGroup(group string) error
	AppendSince(n journal.Name, begin time.Time) (*journal.Writer, error)
	Remove(n journal.Name) error
}
