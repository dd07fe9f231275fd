# call: digits(2716)
# call: digits(905)
def digits(number):
    if number < 10:
        return number
    return number % 10 + digits(number // 10)
