// 'door:3;heat:81' as [{name: 'door', value: 3}, {name: 'heat', value: 81}].
function main(text) {
    return text.split(';').filter(Boolean).map(alarm);
}

function alarm(text) {
    var parts = text.split(':');
    return { name: parts[0], value: Number(parts[1]) };
}
