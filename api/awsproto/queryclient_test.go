package awsproto_test

import (
	"errors"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	cw "slipway/api/cloudwatch"
	"slipway/api/sts"
)

func TestTheClientSpeaksQuery(t *testing.T) {
	t.Parallel()
	m := &metrics{}
	server := serve(t, time.Now, cw.New(awsproto.Hooks{}, m), sts.New(awsproto.Hooks{}, tokens{}))
	conn := &awsproto.Client{
		Endpoint:    server.URL,
		Region:      "eu-west-1",
		Credentials: sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
	}
	who, err := sts.Client{Client: conn}.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Account != "123456789012" {
		t.Errorf("got %+v, %v", who, err)
	}
	client := cw.Client{Client: conn}
	noon := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	datum := cw.MetricDatum{
		MetricName: new("Latency & <more>"),
		Timestamp:  awsproto.At(noon),
		Value:      new(0.5),
		Dimensions: []cw.Dimension{{Name: new("host"), Value: new("a")}, {Name: new("zone"), Value: new("b")}},
	}
	put := &cw.PutMetricDataInput{Namespace: new("shop"), MetricData: []cw.MetricDatum{datum, datum}}
	if _, err := client.PutMetricData(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	got := m.put.MetricData
	if len(got) != 2 || *got[1].MetricName != *datum.MetricName || !got[1].Timestamp.Equal(noon) || *got[1].Value != 0.5 ||
		len(got[1].Dimensions) != 2 || *got[1].Dimensions[1].Value != "b" {
		t.Errorf("arrived: %+v", got)
	}
	in := &cw.GetMetricStatisticsInput{
		Namespace:  new("shop"),
		MetricName: new("Latency"),
		StartTime:  awsproto.At(noon),
		EndTime:    awsproto.At(noon.Add(time.Hour)),
		Period:     new(int32(60)),
	}
	out, err := client.GetMetricStatistics(t.Context(), in)
	if err != nil || len(out.Datapoints) != 1 || *out.Datapoints[0].Average != 0.25 ||
		len(out.Datapoints[0].ExtendedStatistics) == 0 {
		t.Errorf("got %+v, %v", out, err)
	}
	in.MetricName = new("none")
	var refused *cw.InvalidParameterValueException
	if _, err := client.GetMetricStatistics(t.Context(), in); !errors.As(err, &refused) || refused.Message == "" {
		t.Errorf("got %v", err)
	}
}
