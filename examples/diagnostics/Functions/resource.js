// The last name in '/SUBSCRIPTIONS/.../STREAMINGJOBS/TOLL', as it is written elsewhere: toll.
function resource(id) {
    return id.split('/').pop().toLowerCase();
}
