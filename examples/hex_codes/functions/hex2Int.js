// A hexadecimal number as a bigint.
function hex2Int(text) {
    var number = parseInt(text, 16);
    if (isNaN(number)) throw new Error(text + ' is no hexadecimal number');
    return number;
}
