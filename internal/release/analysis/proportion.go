package analysis

import "math"

// Fisher is how likely it is, of x1 errors in n1 requests and x2 in n2, that the first has as many or more if both
// fail alike: Fisher's exact test, one-sided.
func Fisher(x1, n1, x2, n2 int64) float64 {
	errors := x1 + x2
	// The hypergeometric distribution's tail, from x1 upwards. Terms fall once they are beyond the mean, so that the
	// rest can be left out.
	term := math.Exp(choose(n1, x1) + choose(n2, errors-x1) - choose(n1+n2, errors))
	sum := term
	mean := float64(errors) * float64(n1) / float64(n1+n2)
	for k := x1; k < min(errors, n1); k++ {
		term *= float64(n1-k) / float64(k+1) * float64(errors-k) / float64(n2-errors+k+1)
		sum += term
		if float64(k) > mean && term < sum*1e-12 {
			break
		}
	}
	return min(1, sum)
}

// choose is the logarithm of the binomial coefficient.
func choose(n, k int64) float64 {
	if k < 0 || k > n {
		return math.Inf(-1)
	}
	gamma := func(m int64) float64 { g, _ := math.Lgamma(float64(m + 1)); return g }
	return gamma(n) - gamma(k) - gamma(n-k)
}

// Wilson is the 95 % confidence interval of a proportion (Wilson's score).
func Wilson(x, n int64) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959963984540054
	p, m := float64(x)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, middle-half), min(1, middle+half)
}
