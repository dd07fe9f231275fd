"""Programs of the inductive subset, one for each construct."""

from __future__ import annotations

PROGRAMS = {
    "loops": """\
total = 0
for i in range(3):
    for j in "ab":
        if j == "b" and i:
            continue
        total += i
    else:
        total += 10
while total > 5:
    total -= 7
    if total == 1:
        break
else:
    total = -total
while True:
    total += 1
    if total > 3: break
for k in range(2): total += k
output = total
""",
    "calls": """\
def fib(n):
    "A docstring is no line."
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)
def twice(g, x, *more, k=1, **named):
    return g(g(x)) + len(more) + k + sum(named.values())
def nothing():
    pass
output = [fib(4), twice(fib, 5, 1, 2, k=fib(3), z=1), nothing()]
""",
    "order": """\
def note(x):
    global seen
    seen = seen + [x]
    return x
seen = []
a = [1, 2, 3]
output = note(1) + len(seen) * note(2) - a[note(0)]
a[note(1)] += note(5)
d = {note("k"): note("v"), "n": len(seen)}
t = note(0) and note(1) or note(2)
c = note(3) if len(seen) > 2 else note(4)
e = 1 < note(7) < 9
seen += note([8])
x = y = note(6)
assert note(True), "never"
del d[note("n")]
w = f"{seen} {note(2)!r:>4}"
s = a[note(0):note(2)]
""",
    "closures": """\
def counter(start):
    count = start
    def more(by=1):
        nonlocal count
        count += by
        return count
    def now():
        return count
    return more, now
more, now = counter(5)
other, _ = counter(50)
output = more() + more(10) + now() + other()
fs = [lambda x, n=n: x + n for n in range(3)]
late = [f(10) for f in fs]
def rec():
    def inner(n):
        return n if n == 0 else inner(n - 1)
    return inner(2)
r = rec()
""",
    "aliases": """\
def grow(xs, acc=[]):
    xs.append(len(xs))
    acc.append(xs)
    return acc
a = [1]
b = a
m = [[0] * 2] * 2
m[0][1] = 5
c = grow(a)
d = grow(b)
a.append(a)
loop = {"self": None}
loop["self"] = loop
output = len(c), m, b[0]
for x in a:
    if len(a) < 6:
        a.append(7)
    y = 1
""",
    "exceptions": """\
def check(x):
    try:
        if x == 0:
            raise ValueError("zero", x)
        return 10 // (x - 1)
    except ZeroDivisionError as e:
        return str(e)
    except (KeyError, ValueError) as e:
        try:
            raise
        except ValueError:
            return e.args
    else:
        pass
    finally:
        done.append(x)
done = []
output = [check(n) for n in (0, 1, 2)]
for n in range(4):
    try:
        if n == 1:
            continue
        if n == 3:
            break
    finally:
        done.append(-n)
try:
    try:
        done[99]
    finally:
        z = 1
except IndexError:
    z = 2
missing
""",
    "containers": """\
from collections import Counter, OrderedDict, defaultdict, deque
import heapq, itertools, math, re
a = {1, 2, 3}
b = frozenset(a)
c = Counter("aab")
d = defaultdict(list)
d["x"].append(1)
o = OrderedDict(b=1, a=2)
q = deque([1, 2], 5)
e = {(1, 2): [3], None: 4.5, 7: float("inf"), "$k": -0.0}
by = bytes(3), bytearray(b"ab"), 1j, ..., range(2, 9, 3), slice(1, None)
m = re.search(r"(\\d)(x)?", "ab1x")
p = re.compile("a", re.I)
f = math.floor, heapq.heappush, len, int, str.upper, "a".join, q.append
huge = 7 ** 6007
it = iter([1, 2, 3])
first = next(it)
z = zip(it, reversed("ab"), enumerate("cd", 5))
row = next(z)
mapped = map(lambda v: v * first, [5, 6])
got = next(mapped)
text = 'a"\\n\\u2028é'
for v in d.items():
    w = v
for v in c.values():
    w = v
for v in a:
    w = v
for v in itertools.combinations([1, 2, 3], 2):
    w = v
output = sorted(a), m.group(1), list(z), list(mapped), w
""",
    "comprehensions": """\
def odd(n):
    return n % 2 == 1
output = [
    n for n in range(5) if odd(n)]
a = {odd(n): n for n in range(3)}
b = {odd(n) for n in range(3)}
c = sum(odd(n) for n in range(4))
d = any(odd(n) for n in (2, 3, 5)), all(odd(n) for n in (3, 2, 5))
e = [[odd(x + y) for x in range(2)] for y in range(odd(1))]
f = [x for x in range(3)]
g = any(odd(x * y) for x in (0, 1) for y in (0, 1) if x)
h = list(map(odd, [1, 2]))
""",
    "defaults": """\
def note(x):
    print(x)
    return x
def f(a, b=note(1), *more, key=lambda x, y=3: x + y, k=note(2), **named):
    c: undefined
    c: undefined = key(a) + b
    def g(t, key=lambda u, w=a: u + w, c=note(c)):
        return key(t) + c
    return g(k) + len(more) + len(named)
h = lambda x, y=note(5): x + y
output = f(2), f(3, 4, 5, k=7, z=8), h(1)
w = (v := note(4)) + (u := 6) + (u := note(u)) + v
n: note(9) = note(8)
m: note(10)
""",
    "handling": """\
def again():
    raise
def f(x):
    try:
        try:
            raise KeyError(x)
        except KeyError:
            try:
                raise ValueError(x)
            except ValueError:
                pass
            again() if x else print("kept")
        finally:
            if x:
                again()
    except KeyError as e:
        return repr(e)
output = f(1), f(0)
try:
    again()
except RuntimeError as e:
    s = str(e)
def unbound():
    try:
        sum(value for _ in "a")
    except NameError as e:
        print(e)
    value
    value = 1
try:
    unbound()
except NameError as e:
    t = str(e)
""",
    "what exceptions hold": """\
def f():
    x
    x = 1
errors = []
try: undefined
except NameError as e: errors.append(e)
try: f()
except NameError as e: errors.append(e)
try: errors.missing
except AttributeError as e: errors.append(e)
try: from math import missing
except ImportError as e: errors.append(e)
try: raise OSError(2, "none", "a", None, "b")
except FileNotFoundError as e: errors.append(e)
try: raise BlockingIOError(11, "later", 7)
except BlockingIOError as e: errors.append(e)
a, b, c, d, e, g = errors
e.add_note("noted")
h = a.name, b.name, c.name, c.obj is None, d.name, d.path, e.filename, e.filename2, e.errno, g.characters_written
output = h, len(c.obj), getattr(e, "__notes__"), g.args
""",
    "iterators at their ends": """\
ends = [iter(x) for x in ([5], (5,), "a", "é", b"a", bytearray(b"a"), range(1), range(1 << 64, 2 + (1 << 64)))]
ends += [reversed(x) for x in ([5], (5,), "a", "é", b"a", bytearray(b"a"), range(1), range(1 << 64, 2 + (1 << 64)))]
lengths = [len(list(each)) for each in ends]
names = [str(type(each)) for each in ends]
output = names, [next(each, "end") for each in ends], lengths
""",
    "bounded queues": """\
from collections import deque
q = deque([1, 2, 3], maxlen=3)
q.append(q)
r = deque(maxlen=0)
s = deque([1])
q.append(5)
r.append(6)
s.append(7)
output = len(q), q[0], q[1] is None, q[2], q.maxlen, list(r), list(s), s.maxlen
""",
    "numbers that are none": """\
x = float("nan")
y = float("nan")
xs = [x, 1.0]
found = x in xs, y in xs, xs == [x, 1.0]
output = found
""",
    "printing": """\
print("a", 1, sep="-", end="!\\n")
def show(x):
    print(x)
    return x
print(show(2), show(3))
output = show(None)
""",
    "sets and where pop goes on": """\
s = {1, 2, 3}
x = s.pop()
s.add(1)
x = s.pop()
y = x
t = {0}
while t and y < 31:
    y = t.pop()
    t.add(y + 1)
    t.add(y + 3)
s.clear()
s.update((5, 6, 0))
output = y, s.pop(), s, t
""",
    "sets and the places of what was removed": """\
s = set(range(6))
s ^= {64, 64}
s.update([5, 21, 3])
s = s | {4}
s = {x for x in s if x != 5}
s.update([13, 0, 32])
s -= {64}
s.update([16, 21, 2])
s ^= {5, 64}
t = {1, 2, 3}
t.discard(2)
t.add(10)
u = frozenset(s - t) | {17}
v = {4, 5, 6} | {7, 12}
v.remove(7)
v.add(23)
output = list(s), list(t), list(u), list(v)
""",
    "which of equal functions": """\
fs = [lambda: 1 for _ in range(3)]
for i in range(2):
    def f():
        return 1
    fs.append(f)
n = len(set(fs)), fs[3] == fs[4], fs[4] == f
output = n, fs[3]() + fs[0]()
""",
}
