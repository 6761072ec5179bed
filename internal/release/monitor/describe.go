package monitor

import (
	"context"
	"fmt"
	"slices"

	cw "slipway/api/cloudwatch"
	"slipway/internal/release/metric"
	"slipway/internal/store"
)

const pageSize = 50

func limit(n *int32, most int) int {
	if n == nil {
		return most
	}
	return int(*n)
}

// conditions collects what a list is to have.
type conditions struct {
	where string
	args  []any
}

func (c *conditions) add(condition string, value any) {
	c.args = append(c.args, value)
	c.where += " AND " + fmt.Sprintf(condition, len(c.args))
}

// prefixed asks that a column begin with a text: as a range, which an index serves and which has no wildcards.
func (c *conditions) prefixed(column, prefix string) {
	c.add(column+" >= $%d", prefix)
	c.add(column+" < $%d", prefix+"\U0010FFFF")
}

// DescribeAlarms implements cloudwatch:DescribeAlarms, in the order of names. There are no composite alarms here.
func (s *Service) DescribeAlarms(ctx context.Context, in *cw.DescribeAlarmsInput) (*cw.DescribeAlarmsOutput, error) {
	out := &cw.DescribeAlarmsOutput{MetricAlarms: []cw.MetricAlarm{}, CompositeAlarms: []cw.CompositeAlarm{}}
	c, err := described(in)
	if err != nil {
		return nil, err
	}
	if len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, cw.AlarmTypeMetricAlarm) {
		return out, nil
	}
	after, most := "", limit(in.MaxRecords, pageSize)
	filter := []any{c.args, in.ActionPrefix}
	if !s.Pager.Place("DescribeAlarms", filter, in.NextToken, &after) {
		return nil, &cw.InvalidNextToken{Message: "The next token was not made for this list."}
	}
	for {
		n := len(c.args)
		rows, err := store.All(ctx, s.db, scan,
			fmt.Sprintf(`SELECT `+columns+` WHERE name > $%d%s ORDER BY name LIMIT $%d`, n+1, c.where, n+2),
			append(c.args[:n:n], after, most+1)...)
		if err != nil {
			return nil, err
		}
		for _, x := range rows {
			if in.ActionPrefix != nil && !hasAction(x.MetricAlarm, *in.ActionPrefix) {
				after = x.name()
				continue
			}
			if len(out.MetricAlarms) == most {
				out.NextToken = s.Pager.Token("DescribeAlarms", filter, after)
				return out, nil
			}
			after = x.name()
			out.MetricAlarms = append(out.MetricAlarms, *x.MetricAlarm)
		}
		if len(rows) <= most {
			return out, nil
		}
	}
}

// described are the conditions for the alarms that DescribeAlarms asks for.
func described(in *cw.DescribeAlarmsInput) (c conditions, err error) {
	if in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil {
		return c, unsupported("composite alarms, which alone have children and parents")
	}
	if in.AlarmNames != nil && in.AlarmNamePrefix != nil {
		return c, invalid("AlarmNames and AlarmNamePrefix must not be given together.")
	}
	if n := len(in.AlarmNames); n > 0 {
		c.where, c.args = " AND name IN "+store.In(1, n), store.Args(in.AlarmNames)
	}
	if in.AlarmNamePrefix != nil {
		c.prefixed("name", *in.AlarmNamePrefix)
	}
	if in.StateValue != "" {
		c.add("state = $%d", string(in.StateValue))
	}
	return c, nil
}

func hasAction(a *cw.MetricAlarm, prefix string) bool {
	return slices.ContainsFunc(slices.Concat(a.AlarmActions, a.OKActions,
		a.InsufficientDataActions), func(action string) bool {
		return len(action) >= len(prefix) && action[:len(prefix)] == prefix
	})
}

// DescribeAlarmsForMetric implements cloudwatch:DescribeAlarmsForMetric: the alarms of one metric. Those of
// expressions are not among them.
func (s *Service) DescribeAlarmsForMetric(ctx context.Context,
	in *cw.DescribeAlarmsForMetricInput) (*cw.DescribeAlarmsForMetricOutput, error) {
	out := &cw.DescribeAlarmsForMetricOutput{MetricAlarms: []cw.MetricAlarm{}}
	wanted := string(in.Statistic)
	if in.ExtendedStatistic != nil {
		wanted = *in.ExtendedStatistic
	}
	key := identity(in.Namespace, in.MetricName, in.Dimensions).Key()
	err := every(ctx, s.db, func(x *row) {
		m, err := watch(x.MetricAlarm)
		if x.EvaluationCriteria != nil || err != nil || m.expression != nil || m.Key() != key ||
			wanted != "" && m.statistic != wanted || in.Period != nil && m.period != seconds(in.Period) ||
			in.Unit != "" && m.unit != in.Unit {
			return
		}
		out.MetricAlarms = append(out.MetricAlarms, *x.MetricAlarm)
	})
	return out, err
}

// DescribeAlarmHistory implements cloudwatch:DescribeAlarmHistory, the newest first unless the oldest is asked for.
func (s *Service) DescribeAlarmHistory(ctx context.Context,
	in *cw.DescribeAlarmHistoryInput) (*cw.DescribeAlarmHistoryOutput, error) {
	out := &cw.DescribeAlarmHistoryOutput{AlarmHistoryItems: []cw.AlarmHistoryItem{}}
	if len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, cw.AlarmTypeMetricAlarm) {
		return out, nil
	}
	var c conditions
	if in.AlarmName != nil {
		c.add("alarm = $%d", *in.AlarmName)
	}
	if in.HistoryItemType != "" {
		c.add("kind = $%d", string(in.HistoryItemType))
	}
	if in.StartDate != nil {
		c.add("at >= $%d", in.StartDate.UnixMilli())
	}
	if in.EndDate != nil {
		c.add("at <= $%d", in.EndDate.UnixMilli())
	}
	after, condition, order := "~", "place < ", "DESC"
	if in.ScanBy == cw.ScanByTimestampAscending {
		after, condition, order = "", "place > ", "ASC"
	}
	filter := []any{c.where, c.args, order}
	if !s.Pager.Place("DescribeAlarmHistory", filter, in.NextToken, &after) {
		return nil, &cw.InvalidNextToken{Message: "The next token was not made for this list."}
	}
	n, most := len(c.args), limit(in.MaxRecords, 100)
	rows, err := s.db.Query(ctx,
		fmt.Sprintf(`SELECT place, doc FROM monitor_history WHERE %s$%d%s ORDER BY place %s LIMIT $%d`, condition, n+1,
			c.where, order, n+2), append(c.args[:n:n], after, most+1)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var place string
		var item cw.AlarmHistoryItem
		if err := rows.Scan(&place, store.JSON(&item)); err != nil {
			return nil, err
		}
		if len(out.AlarmHistoryItems) == most {
			out.NextToken = s.Pager.Token("DescribeAlarmHistory", filter, after)
			break
		}
		after = place
		out.AlarmHistoryItems = append(out.AlarmHistoryItems, item)
	}
	return out, rows.Err()
}

// metricsPage is how many metrics CloudWatch lists at once.
const metricsPage = 500

// ListMetrics implements cloudwatch:ListMetrics: those that were measured within a week.
func (s *Service) ListMetrics(_ context.Context, in *cw.ListMetricsInput) (*cw.ListMetricsOutput, error) {
	since := s.Now().Add(-metric.Kept)
	if in.RecentlyActive == cw.RecentlyActivePt3h {
		since = s.Now().Add(-recently)
	}
	after := ""
	filter := []any{in.Namespace, in.MetricName, in.Dimensions, in.RecentlyActive}
	if !s.Pager.Place("ListMetrics", filter, in.NextToken, &after) {
		return nil, &cw.InvalidParameterValueException{Message: "The next token was not made for this list."}
	}
	out := &cw.ListMetricsOutput{Metrics: []cw.Metric{}}
	for _, id := range s.Metrics.IDs(since) {
		if key := id.Key(); key <= after || in.Namespace != nil && *in.Namespace != id.Namespace ||
			in.MetricName != nil && *in.MetricName != id.Name || !hasDimensions(id, in.Dimensions) {
			continue
		}
		if len(out.Metrics) == metricsPage {
			out.NextToken = s.Pager.Token("ListMetrics", filter, after)
			break
		}
		after = id.Key()
		m := cw.Metric{Namespace: &id.Namespace, MetricName: &id.Name, Dimensions: []cw.Dimension{}}
		for _, d := range id.Dimensions {
			m.Dimensions = append(m.Dimensions, cw.Dimension{Name: &d.Name, Value: &d.Value})
		}
		out.Metrics = append(out.Metrics, m)
	}
	return out, nil
}

func hasDimensions(id metric.ID, filters []cw.DimensionFilter) bool {
	for _, f := range filters {
		if !slices.ContainsFunc(
			id.Dimensions, func(d metric.Dimension) bool {
				return d.Name == *f.Name &&
					(f.Value == nil || *f.Value == d.Value)
			}) {
			return false
		}
	}
	return true
}
