def total(xs):
    s = 0
    for x in xs:
        s += x
        print(s)
    return s


output = total([3, 5])
