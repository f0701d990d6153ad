// Package certtest makes certificates, keys and authorities for tests, in the forms that users have them in. It imports
// nothing of ours, so that the tests of every package have it, and the demo; the product never does.
package certtest
