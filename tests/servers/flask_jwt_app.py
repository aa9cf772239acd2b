"""Flask-JWT-Extended: a block list, `DELETE /logout` with the access token.

A refresh keeps the refresh token.
"""

from datetime import timedelta

from flask import Flask, jsonify, request
from flask_cors import CORS
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    get_jti,
    get_jwt,
    get_jwt_identity,
    jwt_required,
)

import options

given = options.read()
app = Flask(__name__)
CORS(app, origins=[given.allow_origin], max_age=60)
app.config["JWT_SECRET_KEY"] = options.SECRET
app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(seconds=given.access_seconds)
jwt = JWTManager(app)

issued: set[str] = set()
blocked: set[str] = set()


@jwt.token_in_blocklist_loader
def is_blocked(_header: object, payload: dict) -> bool:
    return payload["jti"] in blocked


@app.post("/login")
def login():
    data = request.get_json()
    if (data.get("username"), data.get("password")) != (options.USERNAME, options.PASSWORD):
        return jsonify({"msg": "Bad username or password"}), 401
    tokens = {
        "access_token": create_access_token(identity=options.USERNAME),
        "refresh_token": create_refresh_token(identity=options.USERNAME),
    }
    issued.update(get_jti(token) for token in tokens.values())
    return jsonify(tokens)


@app.post("/refresh")
@jwt_required(refresh=True)
def refresh():
    access = create_access_token(identity=get_jwt_identity())
    issued.add(get_jti(access))
    return jsonify(access_token=access)


@app.delete("/logout")
@jwt_required()
def logout():
    blocked.add(get_jwt()["jti"])
    return jsonify(msg="Access token revoked")


@app.get("/protected-route")
@jwt_required()
def protected():
    return jsonify(user=get_jwt_identity())


@app.get("/_store")
def store():
    return jsonify(live=len(issued - blocked), ended=len(blocked))


@app.post("/_store/end")
def end():
    blocked.update(issued)
    return "", 204


@app.post("/_store/rekey")
def rekey():
    app.config["JWT_SECRET_KEY"] = options.NEW_SECRET
    return "", 204


if __name__ == "__main__":
    app.run(port=given.port, threaded=True)
