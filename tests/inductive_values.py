"""Programs of the inductive subset with values whose identity, position or table a state must record."""

from __future__ import annotations

VALUES = {
    "which of equal values": """\
import functools, re
p = functools.partial(int, "5")
m, v = re.match("a", "ab"), {1: 2}.values()
held = [p, m, v]
found = p in held, m in held, v in held
output = found, functools.partial(int, "5") in held
""",
    "constants that are no numbers": """\
import cmath, math
a = math.inf
b = math.inf
m = math.nan
n = complex("nan")
t = [n, math.nan, cmath.nan, float("nan")]
found = m in t, n in t, math.nan in t, cmath.nan in t, complex("nan") in t, a == b
output = found
""",
    "loops over containers of collections": """\
from collections import Counter, OrderedDict, defaultdict, deque
seen = []
q, c, d, o = deque([1, 2, 3]), Counter("aab"), defaultdict(int, x=1, y=2), OrderedDict(b=1, a=2)
for x in q:
    seen.append(x)
    q[1] = 7
for x in c: seen.append(x)
for k, v in d.items(): seen.append((k, v))
for v in c.values(): seen.append(v)
for k, v in o.items(): seen.append((k, v))
for k in o: seen.append(k)
v = o.keys()
for k in d:
    d[k] += 1
try:
    for x in q:
        q.append(q.pop())
        y = 1
except RuntimeError as e:
    seen.append(str(e))
try:
    for k in d:
        d[k * 2] = 0
        y = 2
except RuntimeError as e:
    seen.append(str(e))
output = seen, d["x"]
""",
    "loops over what goes through dicts and sets": """\
d, e, s, seen = {"a": 1, "b": 2}, {3: 4, 5: 6}, {8, 9}, []
for i, (k, v) in enumerate(d.items()):
    seen.append((i, k, v))
for k, x in zip(d, e.values()):
    seen.append((k, x))
for n in map(str, e):
    seen.append(n)
for i, x in enumerate(s, 1):
    seen.append((i, x))
for i, (j, k) in enumerate(zip(s, filter(None, d))):
    seen.append((i, j, k))
it = iter(d)
first = next(it)
second = next(it)
output = seen, first, second
""",
}
