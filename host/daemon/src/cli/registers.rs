// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal registers`: who is paired, what each may do, and the end of a pairing.

use super::access_args::{LimitArgs, RegistersArgs, RegistersCommand};
use super::exit::{Exit, Failure};
use super::look::seconds;
use super::operator;
use super::screen::{say, say_json, table, tell, word};
use payhal_client::Client;
use payhal_protocol::registers::{
    RegisterListParams, RegisterUpdateParams, RegisterView, RotateDueParams, UnpairParams,
};

pub(super) async fn registers(args: &RegistersArgs) -> Result<Exit, Failure> {
    let client = operator::connect(&args.place()).await?;
    match args.command.as_ref().unwrap_or(&RegistersCommand::List) {
        RegistersCommand::List => list(&client, args.json).await,
        RegistersCommand::Show { register } => {
            show(&one(&client, register).await?, args.json);
            Ok(Exit::Ok)
        }
        RegistersCommand::Allow {
            register,
            permissions,
            ..
        } => {
            let mut params = update(register);
            params.permissions = Some(permissions.clone());
            changed(&client, &params, args.json).await
        }
        RegistersCommand::Limit { register, limits } => {
            limit(&client, register, limits, args.json).await
        }
        RegistersCommand::Unpair { register } => {
            let register_id = register.as_str().into();
            let answer = client.request(&UnpairParams { register_id }).await?;
            done(&answer, &format!("{register} is unpaired."), args.json)
        }
        RegistersCommand::Rotate { register } => {
            let register_id = register.as_str().into();
            let answer = client.request(&RotateDueParams { register_id }).await?;
            let text = format!("{register} replaces its secret when it connects next.");
            done(&answer, &text, args.json)
        }
    }
}

fn done(answer: &impl serde::Serialize, text: &str, json: bool) -> Result<Exit, Failure> {
    if json {
        say_json(answer);
    } else {
        say(text);
    }
    Ok(Exit::Ok)
}

async fn list(client: &Client, json: bool) -> Result<Exit, Failure> {
    let answer = client.request(&RegisterListParams {}).await?;
    if json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    let rows: Vec<_> = answer.registers.iter().map(row).collect();
    if rows.is_empty() {
        tell("no register is paired: begin it at the register, then `payhal pair`");
    } else {
        let header = ["REGISTER", "STATE", "NAME", "FROM", "MAY", "LAST SEEN"];
        say(&table(header, &rows));
    }
    Ok(Exit::Ok)
}

fn row(register: &RegisterView) -> [String; 6] {
    [
        register.register_id.to_string(),
        word(&register.state),
        register.name.clone(),
        register.origin.clone().unwrap_or_default(),
        operator::permissions(&register.permissions),
        seen(register).unwrap_or_default(),
    ]
}

/// To the second, which is enough to know whether it is still there.
fn seen(register: &RegisterView) -> Option<String> {
    let at = register.last_seen_at.as_deref()?;
    Some(format!("{}Z", seconds(at)))
}

async fn one(client: &Client, id: &str) -> Result<RegisterView, Failure> {
    let listed = client.request(&RegisterListParams {}).await?.registers;
    let found = listed
        .into_iter()
        .find(|register| register.register_id.as_str() == id);
    found.ok_or_else(|| {
        Failure::new(Exit::Failed, format!("there is no register `{id}`"))
            .advise("`payhal registers` lists them.")
    })
}

fn show(register: &RegisterView, json: bool) {
    if json {
        say_json(register);
        return;
    }
    let connections = register.connections;
    let mut lines = vec![
        format!("Register     {} ({})", register.register_id, register.name),
        format!(
            "State        {}, {connections} connections",
            word(&register.state)
        ),
        format!(
            "May          {}",
            operator::permissions(&register.permissions)
        ),
    ];
    let limits = operator::limits(&register.limits);
    lines.extend(limits.iter().map(|limit| format!("Limit        {limit}")));
    let optional = [
        ("From         ", &register.origin),
        ("Paired       ", &register.paired_at),
        ("Secret from  ", &register.rotated_at),
        ("Last seen    ", &seen(register)),
    ];
    let present = optional
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}{}", value.as_ref()?)));
    lines.extend(present);
    if register.rotate_due {
        lines.push("Its secret is due: it replaces it when it connects next.".to_owned());
    }
    say(&lines.join("\n"));
}

async fn limit(client: &Client, id: &str, limits: &LimitArgs, json: bool) -> Result<Exit, Failure> {
    let before = one(client, id).await?.limits;
    let after = limits.over(before.clone());
    if after == before {
        return Err(Failure::new(Exit::Usage, "no limit changes")
            .advise("Name one, as --refund-max \"50.00 EUR\"; `none` takes one away."));
    }
    let mut params = update(id);
    params.limits = Some(after);
    changed(client, &params, json).await
}

fn update(id: &str) -> RegisterUpdateParams {
    RegisterUpdateParams {
        register_id: id.into(),
        name: None,
        permissions: None,
        limits: None,
    }
}

async fn changed(
    client: &Client,
    params: &RegisterUpdateParams,
    json: bool,
) -> Result<Exit, Failure> {
    let answer = client.request(params).await?;
    show(&answer.register, json);
    Ok(Exit::Ok)
}
