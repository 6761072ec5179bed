package logs

import (
	"cmp"
	"context"
	"slices"
	"strings"

	cwl "slipway/api/logs"
	"slipway/internal/journal"
)

const describeAPage = 50

func limitOf(n *int32, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return int(*n)
}

// DescribeLogGroups implements logs:DescribeLogGroups, by name. The pattern is a part of the name, and case does not
// matter.
func (s *Service) DescribeLogGroups(ctx context.Context,
	in *cwl.DescribeLogGroupsInput) (*cwl.DescribeLogGroupsOutput, error) {
	prefix, pattern := "", ""
	if in.LogGroupNamePrefix != nil {
		prefix = *in.LogGroupNamePrefix
	}
	if in.LogGroupNamePattern != nil {
		pattern = strings.ToLower(*in.LogGroupNamePattern)
	}
	if prefix != "" && pattern != "" {
		return nil, invalid("LogGroupNamePrefix and LogGroupNamePattern are mutually exclusive parameters.")
	}
	filter, after := []string{prefix, pattern}, ""
	if !s.Pager.Place("DescribeLogGroups", filter, in.NextToken, &after) {
		return nil, badToken()
	}
	limit := limitOf(in.Limit, describeAPage)
	out := &cwl.DescribeLogGroupsOutput{LogGroups: []cwl.LogGroup{}}
	if err := s.listGroups(ctx, filter, after, out, limit); err != nil {
		return nil, err
	}
	names := make([]string, len(out.LogGroups))
	for i, g := range out.LogGroups {
		names[i] = *g.LogGroupName
	}
	days, err := s.retention(ctx, names...)
	for i, g := range out.LogGroups {
		if n := days[*g.LogGroupName]; n > 0 {
			out.LogGroups[i].RetentionInDays = &n
		}
	}
	return out, err
}

// listGroups appends the groups of a page after a name.
func (s *Service) listGroups(ctx context.Context, filter []string, after string, out *cwl.DescribeLogGroupsOutput,
	limit int) error {
	prefix, pattern := filter[0], filter[1]
	for {
		page, err := s.journal.Groups(ctx, prefix, after, limit+1)
		if err != nil {
			return err
		}
		for _, g := range page {
			if strings.Contains(strings.ToLower(g.Name), pattern) {
				if len(out.LogGroups) == limit {
					out.NextToken = s.Pager.Token("DescribeLogGroups", filter, *out.LogGroups[limit-1].LogGroupName)
					return nil
				}
				out.LogGroups = append(out.LogGroups,
					cwl.LogGroup{LogGroupName: &g.Name, CreationTime: stamp(g.Created), Arn: new(s.arn(g.Name) + ":*"),
						LogGroupArn: new(s.arn(g.Name)),
						StoredBytes: &g.Bytes, MetricFilterCount: new(int32(0)),
						LogGroupClass: cwl.LogGroupClassStandard})
			}
			after = g.Name
		}
		if len(page) == 0 {
			return nil
		}
	}
}

// streamPlace is a place in a list of streams.
type streamPlace struct {
	Time int64  `json:"t,omitzero"`
	Name string `json:"n"`
}

// streamOrder is how streams are listed.
type streamOrder struct{ byTime, descending bool }

func (o streamOrder) at(st journal.Stream) streamPlace {
	p := streamPlace{Name: st.Name}
	if o.byTime && !st.Last.IsZero() {
		p.Time = st.Last.UnixMilli()
	}
	return p
}

func (o streamOrder) compare(a, b streamPlace) int {
	n := cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.Name, b.Name))
	if o.descending {
		n = -n
	}
	return n
}

// DescribeLogStreams implements logs:DescribeLogStreams.
func (s *Service) DescribeLogStreams(ctx context.Context,
	in *cwl.DescribeLogStreamsInput) (*cwl.DescribeLogStreamsOutput, error) {
	group, err := s.group(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	prefix, byTime, descending := "", in.OrderBy == cwl.OrderByLastEventTime, in.Descending != nil && *in.Descending
	if in.LogStreamNamePrefix != nil {
		if prefix = *in.LogStreamNamePrefix; byTime {
			return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
		}
	}
	order := streamOrder{byTime, descending}
	filter := []any{group, prefix, byTime, descending}
	var from *streamPlace
	if !s.Pager.Place("DescribeLogStreams", filter, in.NextToken, &from) {
		return nil, badToken()
	}
	limit := limitOf(in.Limit, describeAPage)
	// The best limit+1 after the place are kept while the streams go by.
	var best []journal.Stream
	trim := func() {
		slices.SortFunc(best, func(a, b journal.Stream) int { return order.compare(order.at(a), order.at(b)) })
		best = best[:min(len(best), limit+1)]
	}
	err = s.allStreams(ctx, group, prefix, func(st journal.Stream) bool {
		if from != nil && order.compare(order.at(st), *from) <= 0 {
			return true
		}
		if best = append(best, st); len(best) > 4*limit+100 {
			trim()
		}
		return byTime || descending || len(best) <= limit // by name they come in their order
	})
	if err != nil {
		return nil, err
	}
	trim()
	out := &cwl.DescribeLogStreamsOutput{LogStreams: []cwl.LogStream{}}
	if len(best) > limit {
		best = best[:limit]
		out.NextToken = s.Pager.Token("DescribeLogStreams", filter, order.at(best[limit-1]))
	}
	if err := s.sayCreated(ctx, group, best); err != nil {
		return nil, err
	}
	for _, st := range best {
		out.LogStreams = append(out.LogStreams,
			cwl.LogStream{LogStreamName: &st.Name, CreationTime: stamp(st.Created),
				FirstEventTimestamp: stamp(st.First), LastEventTimestamp: stamp(st.Last),
				LastIngestionTime: stamp(st.Last), Arn: new(s.arn(group) + ":log-stream:" + st.Name),
				StoredBytes: &st.Bytes, UploadSequenceToken: new("1")})
	}
	return out, nil
}

// sayCreated sets when the streams that clients made were created.
func (s *Service) sayCreated(ctx context.Context, group string, streams []journal.Stream) error {
	names := make([]string, len(streams))
	for i, st := range streams {
		names[i] = st.Name
	}
	made, err := s.Created(ctx, group, names)
	for i, st := range streams {
		if at, ok := made[st.Name]; ok {
			streams[i].Created = at
		}
	}
	return err
}
