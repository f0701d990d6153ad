package metrics

import (
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
)

// labels are those of one series, shared by every metric that has them.
type labels []*dto.LabelPair

// label makes labels of pairs of name and value.
func label(pairs ...string) labels {
	all := make(labels, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, &dto.LabelPair{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return all
}

// with puts one more in front.
func (l labels) with(first *dto.LabelPair) labels {
	return append(append(make(labels, 0, len(l)+1), first), l...)
}

// An exposition is a scrape in the making.
type exposition struct{ families []*dto.MetricFamily }

// A family is a metric with all its series.
type family struct{ *dto.MetricFamily }

func (e *exposition) family(name, help string, kind dto.MetricType) family {
	f := &dto.MetricFamily{Name: &name, Help: &help, Type: &kind}
	e.families = append(e.families, f)
	return family{f}
}

func (e *exposition) counter(name, help string) family {
	return e.family(name, help, dto.MetricType_COUNTER)
}

func (e *exposition) gauge(name, help string) family {
	return e.family(name, help, dto.MetricType_GAUGE)
}

func (e *exposition) histogram(name, help string) family {
	return e.family(name, help, dto.MetricType_HISTOGRAM)
}

// count adds a series of a counter.
func (f family) count(l labels, n uint64) {
	v := float64(n)
	f.Metric = append(f.Metric, &dto.Metric{Label: l, Counter: &dto.Counter{Value: &v}})
}

// set adds a series of a gauge.
func (f family) set(l labels, v float64) {
	f.Metric = append(f.Metric, &dto.Metric{Label: l, Gauge: &dto.Gauge{Value: &v}})
}

// observe adds a series of a histogram. bounds are those of the buckets but the last, which has none.
func (f family) observe(l labels, seconds float64, buckets []uint64, bounds []float64) {
	h := &dto.Histogram{Bucket: make([]*dto.Bucket, len(bounds))}
	parts := make([]dto.Bucket, len(bounds))
	sums := make([]uint64, len(bounds))
	total := uint64(0)
	for i := range bounds {
		total += buckets[i]
		sums[i] = total
		parts[i].CumulativeCount, parts[i].UpperBound = &sums[i], &bounds[i]
		h.Bucket[i] = &parts[i]
	}
	total += buckets[len(bounds)]
	h.SampleCount, h.SampleSum = &total, &seconds
	f.Metric = append(f.Metric, &dto.Metric{Label: l, Histogram: h})
}

var (
	meterBounds = func() []float64 {
		list := make([]float64, meter.Bounds)
		for i := range list {
			list[i] = meter.Bound(i).Seconds()
		}
		return list
	}()
	loopBounds = func() []float64 {
		list := make([]float64, len(loop.Histogram{}.Buckets)-1)
		for i := range list {
			list[i] = (time.Microsecond << i).Seconds()
		}
		return list
	}()
)

func (f family) durations(l labels, h *meter.HistogramFigures) {
	f.observe(l, h.Sum.Seconds(), h.Buckets[:], meterBounds)
}
