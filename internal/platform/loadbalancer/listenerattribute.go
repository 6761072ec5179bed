package loadbalancer

import (
	"context"
	"maps"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

// DescribeListenerAttributes implements elbv2:DescribeListenerAttributes.
func (s *Service) DescribeListenerAttributes(ctx context.Context,
	in *elb.DescribeListenerAttributesInput) (*elb.DescribeListenerAttributesOutput, error) {
	l, err := s.findListener(ctx, s.db, *in.ListenerArn)
	if err != nil {
		return nil, err
	}
	return &elb.DescribeListenerAttributesOutput{Attributes: show(listenerAttributes,
		l.attributes, func(k, v *string) elb.ListenerAttribute {
			return elb.ListenerAttribute{Key: k, Value: v}
		})}, nil
}

// ModifyListenerAttributes implements elbv2:ModifyListenerAttributes.
func (s *Service) ModifyListenerAttributes(ctx context.Context,
	in *elb.ModifyListenerAttributesInput) (*elb.ModifyListenerAttributesOutput, error) {
	set := map[string]string{}
	for _, a := range in.Attributes {
		set[awsproto.Value(a.Key)] = awsproto.Value(a.Value)
	}
	if err := listenerAttributes.check("Listener", set); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		l, err := s.findListener(ctx, tx, *in.ListenerArn)
		if err != nil {
			return err
		}
		maps.Copy(l.attributes, set)
		if _, err := tx.Exec(ctx, `UPDATE lb_listeners SET attributes = $2 WHERE arn = $1`, *in.ListenerArn,
			store.JSON(l.attributes)); err != nil {
			return err
		}
		_, err = s.changed(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out, err := s.DescribeListenerAttributes(ctx, &elb.DescribeListenerAttributesInput{ListenerArn: in.ListenerArn})
	if err != nil {
		return nil, err
	}
	return &elb.ModifyListenerAttributesOutput{Attributes: out.Attributes}, nil
}
