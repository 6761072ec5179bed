package loadbalancer

import (
	"context"
	"maps"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

// DescribeLoadBalancerAttributes implements elbv2:DescribeLoadBalancerAttributes.
func (s *Service) DescribeLoadBalancerAttributes(ctx context.Context,
	in *elb.DescribeLoadBalancerAttributesInput) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	b, err := s.findBalancer(ctx, s.db, *in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	return &elb.DescribeLoadBalancerAttributesOutput{Attributes: show(balancerAttributes,
		b.attributes, func(k, v *string) elb.LoadBalancerAttribute {
			return elb.LoadBalancerAttribute{Key: k, Value: v}
		})}, nil
}

// ModifyLoadBalancerAttributes implements elbv2:ModifyLoadBalancerAttributes.
func (s *Service) ModifyLoadBalancerAttributes(ctx context.Context,
	in *elb.ModifyLoadBalancerAttributesInput) (*elb.ModifyLoadBalancerAttributesOutput, error) {
	set := map[string]string{}
	for _, a := range in.Attributes {
		set[awsproto.Value(a.Key)] = awsproto.Value(a.Value)
	}
	if err := balancerAttributes.check("Load balancer", set); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		b, err := s.findBalancer(ctx, tx, *in.LoadBalancerArn)
		if err != nil {
			return err
		}
		maps.Copy(b.attributes, set)
		if _, err := tx.Exec(ctx, `UPDATE lb_balancers SET attributes = $2 WHERE arn = $1`, *in.LoadBalancerArn,
			store.JSON(b.attributes)); err != nil {
			return err
		}
		_, err = s.changed(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out, err := s.DescribeLoadBalancerAttributes(ctx,
		&elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: in.LoadBalancerArn})
	if err != nil {
		return nil, err
	}
	return &elb.ModifyLoadBalancerAttributesOutput{Attributes: out.Attributes}, nil
}
