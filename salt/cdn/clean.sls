# Nothing: a deploy leaves nothing of it on a node, and what lies in a bucket is still asked for by pages in browsers.
