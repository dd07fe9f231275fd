# call: f(6)
# call: f(11)
def f(number):
    rounds = 2
    while rounds > 0:
        rounds -= 1
        number *= 2
    return number
